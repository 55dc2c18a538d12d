"""Every option once: ``OPTIONS``.

From this table come the lean parser of ``kuma-init`` (``flags``), click's options, the readers
of files, environment and annotations (``sources``, ``annotations``), the JSON Schema
(``schema``), ``docs/options.md`` and ``config show`` (``reference``).  Names, defaults and
precedence are Kuma's; what Kuma does not have is marked ``since="kuma-net"`` and follows the
same style.  Names of older Kumas are in ``legacy``.
"""

from __future__ import annotations

from kuma_net.tproxy.option import Option
from kuma_net.tproxy.options_redirect import DNS, INBOUND, NEIGHBOURS, OUTBOUND

GENERAL = (
    Option(
        "kumaDPUser",
        "user",
        "",
        "User name or id of the sidecar; otherwise user id 5678, then the user kuma-dp.",
        "kuma_dp_user",
        "--kuma-dp-user",
        "KUMA_DP_USER",
        ("kuma.io/sidecar-uid",),
        "USER",
    ),
    Option(
        "ipFamilyMode",
        "ip-family-mode",
        "dualstack",
        "Capture IPv4 and IPv6 (dualstack), or IPv4 alone (ipv4).",
        "ip_family_mode",
        "--ip-family-mode",
        "IP_FAMILY_MODE",
        ("kuma.io/transparent-proxying-ip-family-mode",),
        "MODE",
        since="2.7",
    ),
    Option(
        "backend",
        "backend",
        "auto",
        "How the kernel is told: auto, nftables, iptables-nft or iptables-legacy.",
        "backend",
        "--backend",
        "BACKEND",
        (),
        "NAME",
        since="kuma-net",
    ),
    Option(
        "dryRun",
        "bool",
        "false",
        "Print what would be installed and change nothing.",
        "dry_run",
        "--dry-run",
        "DRY_RUN",
    ),
    Option(
        "verbose",
        "bool",
        "false",
        "Say more, and print rules with long option names.",
        "verbose",
        "--verbose",
        "VERBOSE",
    ),
)

RULES = (
    Option(
        "dropInvalidPackets",
        "bool",
        "false",
        "Drop packets that connection tracking calls invalid before they reach the application.",
        "drop_invalid_packets",
        "--drop-invalid-packets",
        "DROP_INVALID_PACKETS",
        ("traffic.kuma.io/drop-invalid-packets",),
        since="2.9",
    ),
    Option(
        "log.enabled",
        "bool",
        "false",
        "Write a line to the kernel's log for every connection that reaches our chains.",
        "log.enabled",
        "--iptables-logs",
        "LOG_ENABLED",
        ("traffic.kuma.io/iptables-logs",),
        since="2.9",
    ),
    Option(
        "log.level",
        "level",
        "7",
        "Severity of these lines, from 0 (emergency) to 7 (debug).",
        "log.level",
        env="LOG_LEVEL",
        metavar="LEVEL",
        since="2.9",
    ),
    Option(
        "comments.disabled",
        "bool",
        "false",
        "Leave out the comments that say why a rule is there.",
        "comments_disabled",
        "--disable-comments",
        "COMMENTS_DISABLED",
        since="2.9",
    ),
    Option(
        "storeFirewalld",
        "bool",
        "false",
        "Store the rules with firewalld too.",
        "store_firewalld",
        "--store-firewalld",
        "STORE_FIREWALLD",
    ),
)

RUNNING = (
    Option(
        "wait",
        "seconds",
        "5",
        "Seconds to wait for the lock of iptables-legacy; 0 does not wait.",
        "wait",
        "--wait",
        "WAIT",
        (),
        "SECONDS",
    ),
    Option(
        "waitInterval",
        "microseconds",
        "0",
        "Microseconds between two looks at that lock; 0 leaves it to iptables.",
        "wait_interval",
        "--wait-interval",
        "WAIT_INTERVAL",
        (),
        "MICROSECONDS",
    ),
    Option(
        "retry.maxRetries",
        "count",
        "4",
        "How often a failed restore is tried again.",
        "retry.max_retries",
        "--max-retries",
        "RETRY_MAX_RETRIES",
        (),
        "COUNT",
    ),
    Option(
        "retry.sleepBetweenRetries",
        "duration",
        "2s",
        "How long to wait before trying again: 2s, 1m30s, 300ms.",
        "retry.sleep",
        "--sleep-between-retries",
        "RETRY_SLEEP_BETWEEN_RETRIES",
        (),
        "DURATION",
    ),
    Option(
        "iptablesExecutables",
        "executables",
        "",
        "Where iptables programs are: NAME:PATH,..., e.g. iptables-save:/sbin/iptables-save.",
        "iptables_executables",
        "--iptables-executables",
        "IPTABLES_EXECUTABLES",
        (),
        "NAME:PATH",
        repeatable=True,
        since="2.9",
    ),
    Option(
        "cniMode",
        "bool",
        "false",
        "Take the sidecar's user as it stands, without looking it up on the host.",
        "cni_mode",
        env="CNI_MODE",
        since="2.9",
    ),
)

OPTIONS: tuple[Option, ...] = (*GENERAL, *INBOUND, *OUTBOUND, *DNS, *NEIGHBOURS, *RULES, *RUNNING)
"""Every option, in the order in which help texts and documentation list them."""

BY_PATH = {option.path: option for option in OPTIONS}
BY_FLAG = {option.flag: option for option in OPTIONS if option.flag}
