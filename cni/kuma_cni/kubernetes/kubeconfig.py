"""A kubeconfig: where the API server is, how we know it, and how it knows us.

The file format is ``k8s.io/client-go/tools/clientcmd/api/v1`` (Config, Cluster, AuthInfo, Context);
what counts is the context that ``current-context`` names, with its cluster and its user.  Paths in
it are relative to the file's own folder; inline data wins over a file of the same meaning, and
``token`` over ``tokenFile`` only where the latter is missing, as in client-go.

Not supported, and said so: ``exec`` and ``auth-provider`` (we start no process), user and password
(no server takes them since 1.19), ``proxy-url``, impersonation.
"""

from __future__ import annotations

from kuma_net.documents import DocumentError, load_document
from kuma_net.errors import ConfigError, Violation
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_net.documents import Plain

LARGEST = 1 << 20
"""Bytes of a kubeconfig: certificates are a few KiB each."""
_UNSUPPORTED = {
    "exec": "a program would have to be started for it",
    "auth-provider": "it was removed from Kubernetes 1.26",
    "username": "API servers take no passwords",
    "as": "impersonation is not supported",
}


class Server(Record):
    """Where an API server is: its address as written, and what is in it.

    ``prefix`` is a path before ``/api``, for servers behind a proxy; ``name`` is what its
    certificate must say where that is not ``host``.
    """

    url: str
    host: str
    port: int
    secure: bool = True
    prefix: str = ""
    name: str = ""


class Trust(Record):
    """Who vouches for a server: an authority as PEM text or file; neither: the system's.

    ``insecure``: nobody has to.
    """

    data: str = ""
    file: str = ""
    insecure: bool = False


class Credentials(Record):
    """Who we are: a token, a file with one (read anew for each request), a certificate; or none.

    Certificate and key are PEM, as text (``_data``) or file.
    """

    token: str = ""
    token_file: str = ""
    certificate_data: str = ""
    certificate_file: str = ""
    key_data: str = ""
    key_file: str = ""


class Access(Record):
    """How to reach an API server."""

    server: Server
    trust: Trust = Trust()
    credentials: Credentials = Credentials()


def load_kubeconfig(path: str) -> Access:
    """Read a kubeconfig; raises OSError, and ConfigError with every mistake in it."""
    import posix

    with open(path, "rb") as file:  # noqa: PTH123 - lean
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise ConfigError([Violation("kubeconfig", "", path, f"longer than {LARGEST} bytes")])
    folder = path.rpartition("/")[0] or ("/" if path[:1] == "/" else posix.getcwd())
    try:
        text = raw.decode()
    except UnicodeDecodeError as problem:
        wrong = f"no UTF-8 at byte {problem.start}"
        raise ConfigError([Violation("kubeconfig", "", path, wrong)]) from problem
    return read_kubeconfig(text, folder, path)


def read_kubeconfig(text: str, folder: str, path: str = "") -> Access:
    """Return what a kubeconfig says; raises ConfigError with every mistake in it.

    ``folder`` is what relative paths in it are relative to.
    """
    source = path or "kubeconfig"
    try:
        document = load_document(text)
    except DocumentError as problem:
        raise ConfigError([Violation("kubeconfig", "", source, str(problem))]) from problem
    reading = _Reading(folder, source)
    access = reading.access(document)
    if access is None or reading.wrong:
        raise ConfigError(reading.wrong)
    return access


class _Reading:
    """One reading of a document; ``wrong`` gathers the mistakes."""

    def __init__(self, folder: str, source: str) -> None:
        self.folder = folder
        self.source = source
        self.wrong: list[Violation] = []

    def access(self, document: Plain) -> Access | None:
        if not isinstance(document, dict):
            self._blame("kubeconfig", "", "not a mapping")
            return None
        name = _text(document.get("current-context"))
        if not name:
            self._blame("current-context", "", "missing: no context is chosen")
            return None
        context = self._named(document, "contexts", "context", name)
        if self.wrong:
            return None
        cluster_name, user_name = _text(context.get("cluster")), _text(context.get("user"))
        at_cluster = f"clusters[{cluster_name}].cluster"
        at_user = f"users[{user_name}].user"
        cluster = self._named(document, "clusters", "cluster", cluster_name)
        user = self._named(document, "users", "user", user_name) if user_name else {}
        if self.wrong:
            return None
        server = self._server(cluster, at_cluster)
        trust = self._trust(cluster, at_cluster)
        credentials = self._credentials(user, at_user)
        if server is None:
            return None
        if not server.secure and (credentials.token or credentials.token_file):
            wrong = "a token would travel without protection"
            self._blame(f"{at_cluster}.server", server.url, wrong, f"use https, or no {at_user}")
        return Access(server, trust, credentials)

    def _named(
        self, document: dict[str, Plain], kind: str, inner: str, name: str
    ) -> dict[str, Plain]:
        """Return the entry of that name; an empty one, and a mistake, where there is none."""
        entries = document.get(kind)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.get("name") == name:
                found = entry.get(inner)
                if isinstance(found, dict):
                    return found
                self._blame(f"{kind}[{name}].{inner}", "", "missing, or no mapping")
                return {}
        self._blame(kind, name, "there is no entry of this name")
        return {}

    def _server(self, cluster: Mapping[str, Plain], at: str) -> Server | None:
        from urllib.parse import urlsplit

        url = _text(cluster.get("server"))
        wrong = "not an address of a server" if url else "missing"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as problem:
            parts, host, port, wrong = urlsplit(""), None, None, str(problem)
        if "@" in parts.netloc or parts.query or parts.fragment:
            host, wrong = None, "has a user, a query or a fragment"
        if parts.scheme not in {"http", "https"} or not host or not is_token(url):
            self._blame(f"{at}.server", url, wrong, "write https://HOST:PORT")
            return None
        name = _text(cluster.get("tls-server-name"))
        for where, text in (("server", host), ("tls-server-name", name)):
            if not _is_name(text):
                self._blame(f"{at}.{where}", text, "no name of a server")
        secure = parts.scheme == "https"
        return Server(
            url, host, port or (443 if secure else 80), secure, parts.path.rstrip("/"), name
        )

    def _trust(self, cluster: Mapping[str, Plain], at: str) -> Trust:
        if _text(cluster.get("proxy-url")):
            self._blame(f"{at}.proxy-url", "", "a proxy is not supported")
        data, file = self._pair(cluster, at, "certificate-authority")
        insecure = cluster.get("insecure-skip-tls-verify", False)
        if not isinstance(insecure, bool):
            self._blame(f"{at}.insecure-skip-tls-verify", str(insecure), "neither true nor false")
        if insecure is True and (data or file):
            wrong = "an authority is named, too"
            self._blame(f"{at}.insecure-skip-tls-verify", "", wrong, "leave one of them out")
        return Trust(data, file, insecure is True)

    def _credentials(self, user: Mapping[str, Plain], at: str) -> Credentials:
        for key, why in _UNSUPPORTED.items():
            if user.get(key):
                self._blame(f"{at}.{key}", "", why, "use a token or a certificate")
        certificate, certificate_file = self._pair(user, at, "client-certificate")
        key, key_file = self._pair(user, at, "client-key")
        if bool(certificate or certificate_file) != bool(key or key_file):
            self._blame(at, "", "a client certificate and its key belong together")
        token = _text(user.get("token"))
        if not is_token(token):
            self._blame(f"{at}.token", "", "has characters that no token has")
        token_file = self._placed(_text(user.get("tokenFile")))
        if token_file:
            token = ""
        return Credentials(token, token_file, certificate, certificate_file, key, key_file)

    def _pair(self, mapping: Mapping[str, Plain], at: str, key: str) -> tuple[str, str]:
        """Return PEM text and file of something that can be given either way; data wins."""
        data = _text(mapping.get(f"{key}-data"))
        if not data:
            return "", self._placed(_text(mapping.get(key)))
        from binascii import Error, a2b_base64

        try:
            text = a2b_base64("".join(data.split()), strict_mode=True).decode("ascii")
        except (Error, ValueError):
            text = ""
        if "-----BEGIN " not in text:
            self._blame(f"{at}.{key}-data", "", "not PEM in base64")
        return text, ""

    def _placed(self, path: str) -> str:
        return f"{self.folder}/{path}" if path and path[:1] != "/" else path

    def _blame(self, path: str, value: str, wrong: str, right: str = "") -> None:
        self.wrong.append(Violation(path, value[:200], self.source, wrong, right))


def is_token(text: str) -> bool:
    """Whether a text can stand in a header or a request: printable ASCII without blanks."""
    return all("!" <= letter <= "~" for letter in text)


def _is_name(text: str) -> bool:
    """Whether a text can be looked up and stand in a TLS handshake: labels of 1 to 63 letters."""
    try:
        return bool(text.encode("idna")) or not text
    except UnicodeError:
        return False


def _text(value: Plain) -> str:
    return value if isinstance(value, str) else ""
