#!/usr/bin/env python3
"""Writes the seeds of fuzz_http: an octet of options (TLS, in two pieces, waits, the control loop
hangs, others beside it, no figures of the page), then what is said."""
import pathlib

TLS, PIECES, WAITS, HANGS, OTHERS, NO_PAGE = 1, 2, 4, 8, 16, 64
END = b"\r\n\r\n"
token = b"Authorization: Bearer s3cret\r\n"
host = b"Host: localhost\r\n"
said = {
    "metrics": b"GET /metrics HTTP/1.1\r\n" + host + token + b"\r\n", "without-token": b"GET /metrics HTTP/1.1\r\n" + host + b"\r\n",
    "other-token": b"GET /metrics HTTP/1.1\r\nAuthorization: Bearer s3creT" + END, "page": b"GET / HTTP/1.1\r\n" + host + b"\r\n",
    "figures": b"GET /figures HTTP/1.1\r\n" + host + token + b"\r\n", "foreign": b"GET /figures HTTP/1.1\r\nHost: a.example" + END,
    "health": b"GET /healthz HTTP/1.1" + END, "ready": b"GET /readyz HTTP/1.0" + END, "head": b"HEAD /metrics HTTP/1.1" + END,
    "post": b"POST /metrics HTTP/1.1\r\nContent-Length: 5" + END + b"12345", "range": b"GET / HTTP/1.1\r\nRange: bytes=0-,0-,0-" + END,
    "long": b"GET / HTTP/1.1\r\nX: " + b"y" * 9000 + END, "long-line": b"G" * 9000, "half": b"GET / HTT", "no-line": END,
    "percent": b"GET /%2e%2e/metrics?a=%41 HTTP/1.1\r\nAuthorization: Bearer %73" + END, "zero": b"GET /\0 HTTP/1.1" + END,
    "bare-feeds": b"GET / HTTP/1.1\nHost: a\n\r\n", "gzip": b"GET /page.js HTTP/1.1\r\nAccept-Encoding: gzip" + END,
}
folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_http"
folder.mkdir(parents=True, exist_ok=True)
for name, octets in said.items():
    for options in (0, TLS):
        (folder / f"{name}-{options}").write_bytes(bytes([options]) + octets)
for options in (PIECES, WAITS, WAITS | TLS, 3 * OTHERS, 3 * OTHERS | TLS):
    (folder / f"metrics-{options}").write_bytes(bytes([options]) + said["metrics"])
    (folder / f"half-{options}").write_bytes(bytes([options]) + said["half"])
for options in (HANGS, HANGS | TLS, NO_PAGE, NO_PAGE | TLS):
    for name in ("metrics", "figures", "health", "ready"):
        (folder / f"{name}-{options}").write_bytes(bytes([options]) + said[name])
