#!/usr/bin/env python3
"""Clients of a TLS port that are not ours: Python's ssl over OpenSSL, and raw bytes. Prints "ok", or what was found instead, and exits 1.

  client.py CASE HOST PORT FOLDER     FOLDER has what deploy/dev/certs makes; the cases are the functions below
"""
import http.client
import json
import os
import socket
import ssl
import sys
import warnings

BOUND = 30.0  # a server that hangs fails the case by this
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def demand(condition, what):
    if not condition:
        raise SystemExit(f"demanded: {what}")


class Target:
    def __init__(self, host, port, folder):
        self.host, self.port, self.folder = host, port, folder

    def file(self, name):
        return os.path.join(self.folder, name)

    def context(self, own=None, ca="ca.pem"):
        context = ssl.create_default_context(cafile=self.file(ca))
        if own is not None:
            context.load_cert_chain(self.file(f"{own}cert.pem"), self.file(f"{own}key.pem"))
        return context

    def connect(self):
        return socket.create_connection((self.host, self.port), timeout=BOUND)

    def request(self, method, path, body=None, **how):
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=BOUND, context=self.context(**how))
        connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content

    def works(self, **how):
        status, content = self.request("GET", "/v1/models", **how)
        demand(status == 200 and json.loads(content)["data"], f"a list of models, and not {status} {content[:200]}")

    def refused(self, **how):
        """With TLS 1.2 the client hears of a refusal before its handshake is done."""
        try:
            status, _ = self.request("GET", "/v1/models", **how)
        except (ssl.SSLError, ConnectionError):
            return
        demand(False, f"a refusal, and not {status}")


def read_to_end(sock):
    """What a server sent before it closed, however it did that; one that hangs fails."""
    content = b""
    try:
        while piece := sock.recv(65536):
            content += piece
    except ConnectionError:
        pass
    return content


@case
def serves(target):
    """Whole answers and streams, one connection after another and many requests on one; TLS 1.2, AEAD, http/1.1."""
    target.works()
    context = target.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(target.connect(), server_hostname=target.host) as sock:
        demand(sock.version() == "TLSv1.2" and "GCM" in sock.cipher()[0] or "CHACHA" in sock.cipher()[0], f"{sock.version()} {sock.cipher()}")
        demand(sock.cipher()[0].startswith("ECDHE"), f"forward secrecy, and not {sock.cipher()[0]}")
        demand(sock.selected_alpn_protocol() == "http/1.1", f"http/1.1, and not {sock.selected_alpn_protocol()}")
    connection = http.client.HTTPSConnection(target.host, target.port, timeout=BOUND, context=target.context())
    for streams in (False, True, False, True):
        # Longer than several records, both ways.
        body = {"model": "apus-mock", "messages": [{"role": "user", "content": "sea " * 6_000}], "max_tokens": 400, "stream": streams, "seed": 7}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        demand(response.status == 200, f"an answer, and not {response.status} {content[:300]}")
        if streams:
            events = [line[6:] for line in content.split(b"\n\n") if line.startswith(b"data: ")]
            demand(events[-1] == b"[DONE]", f"an end, and not {events[-1][:100]}")
            text = "".join(choice["delta"].get("content") or "" for event in events[:-1] for choice in json.loads(event)["choices"])
            demand(text == whole, "the text of the whole answer")
        else:
            whole = json.loads(content)["choices"][0]["message"]["content"]
    connection.close()


@case
def goodbye(target):
    """A connection that ends is told so inside TLS: what is cut off on the way can be told from what ended."""
    with target.context().wrap_socket(target.connect(), server_hostname=target.host, suppress_ragged_eofs=False) as sock:
        sock.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        content = b""
        while piece := sock.recv(65536):  # raises where the end is not said
            content += piece
        demand(content.startswith(b"HTTP/1.1 200"), f"an answer, and not {content[:100]}")
    # The other way: the client says its goodbye and keeps the connection, and hears the server's.
    with target.context().wrap_socket(target.connect(), server_hostname=target.host) as sock:
        sock.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        demand(sock.recv(65536).startswith(b"HTTP/1.1 200"), "an answer")
        sock.unwrap()


@case
def mutual(target):
    target.works(own="")
    target.refused()
    target.refused(own="other-")
    target.refused(own="expired-")
    target.works(own="")


@case
def unbelieved(target):
    """A client that does not know our authority is gone, and the next is served."""
    target.refused(ca="other-ca.pem")
    target.works()


@case
def old_versions(target):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = target.context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        try:
            with context.wrap_socket(target.connect(), server_hostname=target.host) as sock:
                demand(False, f"no {sock.version()}")
        except (ssl.SSLError, ConnectionError):
            pass
    for suites in ("ECDHE+AES+SHA1:@SECLEVEL=0", "AES128-GCM-SHA256"):
        context = target.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suites)
        try:
            with context.wrap_socket(target.connect(), server_hostname=target.host) as sock:
                demand(False, f"nothing of {suites}, and not {sock.cipher()}")
        except (ssl.SSLError, ConnectionError):
            pass
    context = target.context()
    context.set_alpn_protocols(["h2"])
    try:
        with context.wrap_socket(target.connect(), server_hostname=target.host) as sock:
            demand(False, f"no protocol, and not {sock.selected_alpn_protocol()}")
    except (ssl.SSLError, ConnectionError):
        pass
    target.works()


@case
def plain(target):
    """Plain HTTP on the port of HTTPS is told so."""
    sock = target.connect()
    sock.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
    content = read_to_end(sock)
    demand(content.startswith(b"HTTP/1.1 400") and b"https_required" in content, f"a clear answer, and not {content[:200]}")
    target.works()


@case
def garbage(target):
    import random
    for seed in range(60):
        drawn = random.Random(seed)
        content = bytes(drawn.randrange(256) for _ in range(drawn.randrange(1, 3000)))
        if seed % 3 == 0:  # a record's head in front of it
            content = b"\x16\x03\x01" + len(content).to_bytes(2, "big") + content
        with target.connect() as sock:
            sock.sendall(content)
            sock.shutdown(socket.SHUT_WR)
            read_to_end(sock)
    target.works()


def handshake_in_memory(target, cut=None):
    """A handshake by hand, of which the client's bytes leave in pieces; after `cut` of them the client goes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = target.context().wrap_bio(incoming, outgoing, server_hostname=target.host)
    sent = 0
    sock = target.connect()
    steps = [tls.do_handshake, lambda: tls.write(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")]
    answer = b""
    while True:
        wants = False
        try:
            if steps:
                steps[0]()
                steps.pop(0)
            else:
                piece = tls.read(65536)
                if not piece:
                    return sent, answer
                answer += piece
        except ssl.SSLWantReadError:
            wants = True
        except ssl.SSLZeroReturnError:
            sock.close()
            return sent, answer
        content = outgoing.read()
        for position in range(len(content)):
            if cut is not None and sent == cut:
                sock.close()
                return sent, answer
            sock.sendall(content[position:position + 1])
            sent += 1
        if wants:
            piece = sock.recv(65536)
            demand(piece, "an answer to the handshake")
            incoming.write(piece)


@case
def pieces(target):
    """Byte by byte it is the same handshake; cut after any of them, the next client is served."""
    total, answer = handshake_in_memory(target)
    demand(answer.startswith(b"HTTP/1.1 200"), f"an answer, and not {answer[:100]}")
    for cut in sorted({*range(0, 12), *range(12, total, 23), total - 1}):
        handshake_in_memory(target, cut=cut)
    target.works()


@case
def silent(target):
    """Who connects and says nothing, or stops in the middle of a handshake, is closed by the limit of a request's head."""
    sockets = []
    for count in (0, 1, 5, 100):
        outgoing = ssl.MemoryBIO()
        tls = target.context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=target.host)
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        sock = target.connect()
        sock.sendall(outgoing.read()[:count])
        sockets.append(sock)
    for sock in sockets:
        read_to_end(sock)  # ends, or the bound ends it
    target.works()


def admin_ask(target, method, path, headers=None, body=None, own=None):
    connection = http.client.HTTPSConnection(target.host, target.port, timeout=BOUND, context=target.context(own=own))
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


@case
def admin(target):
    """An admin side that asks for a token over TLS: what is open, what is refused, what the token and a browser's cookie open."""
    with open(target.file("token")) as file:
        token = file.read().strip()
    right, wrong = {"Authorization": f"Bearer {token}"}, {"Authorization": f"Bearer {token[::-1]}"}
    for path in ("/metrics", "/livez"):
        response, _ = admin_ask(target, "GET", path)
        demand(response.status == 200, f"{path} for everybody, and not {response.status}")
    for headers in ({}, wrong):
        response, content = admin_ask(target, "GET", "/debug/state", headers)
        demand(response.status == 401 and response.headers["WWW-Authenticate"] == "Bearer", f"401 and how to, and not {response.status}")
        demand(token.encode() not in content and b"generation" not in content, "an answer that tells nothing")
    response, content = admin_ask(target, "GET", "/debug/state", right)
    state = json.loads(content)
    order = {"router": "/busy-thresholds", "worker": "/clear-cache"}.get(state["role"])
    json_type = {"Content-Type": "application/json"}
    if order:
        for headers, refused in ((json_type, True), ({**json_type, **wrong}, True), ({**json_type, **right}, False)):
            response, _ = admin_ask(target, "POST", order, headers, "{}")
            demand((response.status == 401) == refused, f"{order} for who has the token alone, and not {response.status}")
    # A browser.
    form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    response, content = admin_ask(target, "GET", "/login")
    demand(response.status == 200 and b"<form" in content, "a form")
    response, _ = admin_ask(target, "POST", "/login", form, f"token={token[::-1]}")
    demand(response.status == 401 and "Set-Cookie" not in response.headers, f"no cookie, and not {response.status}")
    response, _ = admin_ask(target, "POST", "/login", form, f"token={token}")
    cookie = response.headers["Set-Cookie"] or ""
    demand(response.status == 303 and cookie.startswith(f"__Host-apus-admin-{target.port}="), f"a cookie, and not {response.status} {cookie}")
    demand(all(word in cookie for word in ("; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/")) and token not in cookie, "one that is kept well")
    session = {"Cookie": cookie.split(";")[0]}
    response, _ = admin_ask(target, "GET", response.headers["Location"], session)
    demand(response.status == 200, f"what it was led to, and not {response.status}")
    if order:
        response, _ = admin_ask(target, "POST", order, {**json_type, **session}, "{}")
        demand(response.status == 401, f"no order by a cookie, and not {response.status}")
    # Without TLS it is told so, and reads no token.
    with target.connect() as sock:
        sock.sendall(b"GET /debug/state HTTP/1.1\r\nHost: x\r\n\r\n")
        content = read_to_end(sock)
    demand(content.startswith(b"HTTP/1.1 400") and b"https_required" in content, f"a clear answer, and not {content[:200]}")


@case
def admin_mutual(target):
    """With an authority for clients nobody without its certificate gets to the admin side, and a certificate is no token."""
    try:
        response, _ = admin_ask(target, "GET", "/livez")
        demand(False, f"a refusal, and not {response.status}")
    except (ssl.SSLError, ConnectionError):
        pass
    response, _ = admin_ask(target, "GET", "/livez", own="")
    demand(response.status == 200, f"an answer, and not {response.status}")
    response, _ = admin_ask(target, "GET", "/debug/state", own="")
    demand(response.status == 401, f"401, and not {response.status}")


@case
def fingerprint(target):
    """Which certificate is shown: prints its digest, for whoever compares."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(target.connect()) as sock:
        import hashlib
        print(hashlib.sha256(sock.getpeercert(binary_form=True)).hexdigest())


@case
def lasting(target):
    """One connection over a change of certificates: reads a line after each request, and goes on until it is told to stop."""
    connection = http.client.HTTPSConnection(target.host, target.port, timeout=BOUND, context=target.context())
    for _ in range(2):
        connection.request("GET", "/v1/models")
        demand(connection.getresponse().read(), "an answer")
        flag = target.file("changed")
        import time
        bound = time.monotonic() + BOUND
        while not os.path.exists(flag) and time.monotonic() < bound:
            time.sleep(0.02)
        demand(os.path.exists(flag), "the change")


@case
def link(target):
    """A port of links: each peer that must not get in is refused in the handshake, or before."""
    def outcome(own=None, version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if own is not None:
            context.load_cert_chain(target.file(f"{own}cert.pem"), target.file(f"{own}key.pem"))
        context.set_ciphers("ALL:@SECLEVEL=0")
        if version is not None:
            context.minimum_version = context.maximum_version = version
        try:
            with context.wrap_socket(target.connect()) as sock:
                # A greeting of PAIR0, as a peer would send it.
                sock.sendall(bytes.fromhex("0053500000100000"))
                sock.settimeout(BOUND)
                return "greeted" if sock.recv(8) else "closed"
        except (ssl.SSLError, ConnectionError):
            return "refused"

    kinds = {"good": outcome(""), "none": outcome(), "wrong authority": outcome("other-"), "expired": outcome("expired-"),
             "downgrade": outcome("", ssl.TLSVersion.TLSv1_1)}
    sock = target.connect()
    sock.sendall(bytes.fromhex("0053500000100000"))
    kinds["plain"] = "greeted" if bytes.fromhex("005350") in read_to_end(sock) else "refused"
    demand(kinds.pop("good") == "greeted", "the cluster's own peer gets in")
    demand(all(kind in ("refused", "closed") for kind in kinds.values()), f"nobody else gets in: {kinds}")


def main():
    # That versions and suites are out of date is the point of some cases.
    warnings.simplefilter("ignore", DeprecationWarning)
    if len(sys.argv) != 5 or sys.argv[1] not in CASES:
        raise SystemExit(__doc__ + "  " + " ".join(CASES))
    CASES[sys.argv[1]](Target(sys.argv[2], int(sys.argv[3]), sys.argv[4]))
    print("ok")


if __name__ == "__main__":
    main()
