"""Asking the Kubernetes API for pods, with patience that ends.

How long: 15 s for the whole of a question, retries and pauses included: a kubelet asks for a
sandbox's network again anyway, and the node's other pods wait meanwhile.

============================  ==================================================================
what the server does          what we do
============================  ==================================================================
refuses, hangs, breaks off    ask again: after 0.1 s, then twice as long each time, 2 s at most,
                              each shortened by chance (all nodes ask again when a server returns)
429, 5xx                      the same; ``Retry-After`` is obeyed where it fits into the time
404                           ask again for a second: a server that follows another one may not
                              know a pod yet that was just made
401, 403, other 4xx           say so at once: the same question gets the same answer
3xx                           say so: a token must not be carried elsewhere
an untrusted certificate      say so
another pod, no JSON, a page  say so: whoever answers is no API server, or lies
============================  ==================================================================
"""

from __future__ import annotations

import random
import ssl
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from kuma_cni.kubernetes.kubeconfig import is_token
from kuma_cni.kubernetes.transport import Answer, Bounds, TooLong, get, place_of
from kuma_net.documents import DocumentError
from kuma_net.documents.json_text import parse_json
from kuma_net.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_cni.kubernetes.kubeconfig import Access
    from kuma_net.documents import Plain

PATIENCE: Final = 15.0
"""Seconds for a question altogether."""
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 2.0
LAG: Final = 1.0
"""Seconds for which a 404 may be one of a server that has not heard yet."""
LARGEST_POD: Final = 4 << 20
LARGEST_PAGE: Final = 32 << 20
"""Bytes: etcd keeps objects of 1.5 MiB, which JSON may make longer."""
PAGE: Final = 100
"""Pods asked for at once."""
MOST_PAGES: Final = 50
_LONGEST_REASON: Final = 300
_LONGEST_TOKEN: Final = 1 << 16
OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_MANY = 200, 401, 403, 404, 429


class ApiError(HostError):
    """The API server did not give what was asked for; ``status`` is HTTP's, 0 without an answer."""

    def __init__(self, server: str, status: int, reason: str) -> None:
        """Keep the server, the status, and what happened, as a clause."""
        self.server = server
        self.status = status
        self.reason = reason
        super().__init__(f"the Kubernetes API server {server}: {reason}")


class Api:
    """An API server; every method raises ApiError."""

    def __init__(
        self, access: Access, *, patience: float = PATIENCE, connect: float = 2.0, read: float = 5.0
    ) -> None:
        """Take the way to it and the seconds for a question, for connecting, for one wait.

        Raises ApiError for certificates and keys that cannot be read.
        """
        self._access = access
        self._patience = patience
        self._connect = connect
        self._read = read
        try:
            self._place = place_of(access)
        except OSError as problem:
            raise self._error(0, f"our certificates cannot be used: {problem}") from problem

    def pod(self, namespace: str, name: str) -> Mapping[str, Plain]:
        """Return a pod as the API writes it."""
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(name, safe='')}"
        pod = self._object(path, LARGEST_POD, self._deadline(), lags=True)
        metadata = pod.get("metadata")
        told = metadata if isinstance(metadata, dict) else {}
        if (told.get("namespace"), told.get("name")) != (namespace, name):
            raise self._error(OK, "it answered with something else than the pod asked for")
        return pod

    def pods_of(self, node: str) -> list[Mapping[str, Plain]]:
        """Return the pods that are scheduled to a node."""
        pods: list[Mapping[str, Plain]] = []
        deadline, more = self._deadline(), ""
        chosen = quote(f"spec.nodeName={node}", safe="")
        for _ in range(MOST_PAGES):
            path = f"/api/v1/pods?limit={PAGE}&fieldSelector={chosen}"
            if more:
                path += f"&continue={quote(more, safe='')}"
            page = self._object(path, LARGEST_PAGE, deadline)
            items, metadata = page.get("items"), page.get("metadata")
            if not isinstance(items, list):
                raise self._error(OK, "it answered with something else than a list of pods")
            pods += [item for item in items if isinstance(item, dict)]
            token = metadata.get("continue") if isinstance(metadata, dict) else None
            if not isinstance(token, str) or not token:
                return pods
            more = token
        raise self._error(OK, f"its list of pods has more than {MOST_PAGES} pages")

    def _deadline(self) -> float:
        return time.monotonic() + self._patience

    def _object(
        self, path: str, largest: int, deadline: float, *, lags: bool = False
    ) -> Mapping[str, Plain]:
        answer = self._asked(path, Bounds(deadline, largest, self._connect, self._read), lags=lags)
        try:
            value = parse_json(answer.body.decode())
        except (DocumentError, UnicodeDecodeError) as problem:
            raise self._error(OK, f"its answer is no JSON: {problem}") from problem
        if not isinstance(value, dict):
            raise self._error(OK, "its answer is no object")
        return value

    def _asked(self, path: str, bounds: Bounds, *, lags: bool) -> Answer:
        """Ask until there is an answer that counts, or no time is left."""
        began, pause, tries = time.monotonic(), FIRST_PAUSE, 0
        said: ApiError | None = None
        while True:
            tries += 1
            refused, wait = self._try(path, bounds)
            if isinstance(refused, Answer):
                return refused
            if refused.status == NOT_FOUND and not (lags and time.monotonic() - began < LAG):
                raise refused
            wait = max(wait, pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            if time.monotonic() + wait >= bounds.deadline:
                if refused.status == 0 and said is not None:
                    refused = said  # what it said before says more than its last silence
                raise self._error(refused.status, f"{refused.reason} (asked {tries} times)")
            said = refused
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _try(self, path: str, bounds: Bounds) -> tuple[Answer | ApiError, float]:
        """Ask once; return an answer, or what may pass and the seconds to wait for that.

        Raises ApiError for what will not pass.
        """
        try:
            answer = get(self._place, path, self._headers(), bounds)
        except ssl.SSLCertVerificationError as problem:
            raise self._error(
                0, f"its certificate is not trusted: {problem.verify_message}"
            ) from problem
        except TooLong as problem:
            raise self._error(0, str(problem)) from problem
        except TimeoutError:
            return self._error(0, "no answer in time"), 0
        except (OSError, HTTPException) as problem:
            return self._error(0, _said(problem)), 0
        if answer.status == OK:
            return answer, 0
        refused = self._error(answer.status, _reason(answer))
        if answer.status in {NOT_FOUND, TOO_MANY} or answer.status // 100 == 5:  # noqa: PLR2004 - 5xx
            return refused, _retry_after(answer)
        raise refused

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "kuma-cni", "Connection": "close"}
        if token := self._token():
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _token(self) -> str:
        credentials = self._access.credentials
        if not credentials.token_file:
            return credentials.token
        try:
            with open(credentials.token_file, encoding="ascii") as file:  # noqa: PTH123 - lean
                token = file.read(_LONGEST_TOKEN).strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise self._error(0, f"our token cannot be read: {problem}") from problem
        if not is_token(token):
            raise self._error(0, f"what is in {credentials.token_file} is no token")
        return token

    def _error(self, status: int, reason: str) -> ApiError:
        return ApiError(self._access.server.url, status, reason)


def _said(problem: OSError | HTTPException) -> str:
    text = problem.strerror if isinstance(problem, OSError) else ""
    return f"no answer: {text or str(problem) or type(problem).__name__}"[:_LONGEST_REASON]


def _reason(answer: Answer) -> str:
    """Return what a refusal says: the message of a Status object, if it is one."""
    known = {UNAUTHORIZED: "it does not accept our credentials", FORBIDDEN: "it forbids us this"}
    told = known.get(answer.status, "it answered")
    message: object = ""
    try:
        status = parse_json(answer.body.decode())
        message = status.get("message") if isinstance(status, dict) else ""
    except (DocumentError, UnicodeDecodeError):
        pass
    if answer.status // 100 == 3:  # noqa: PLR2004 - redirects
        message = f"a redirect to {answer.headers.get('location', 'nowhere')}, not followed"
    said = f": {message}" if isinstance(message, str) and message else ""
    return f"{told} (HTTP status {answer.status}){said}"[:_LONGEST_REASON]


def _retry_after(answer: Answer) -> float:
    """Return the seconds that a server asks us to wait; its other form, a date, is not used."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0  # noqa: PLR2004 - hours
