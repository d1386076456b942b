"""An OpenID provider of a test's own: who may sign in, and tokens signed with its own key."""

from __future__ import annotations

import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

CLIENT = "prunelab"


class Provider:
    """Answers on a port of its own; ``forged`` tokens are signed with another key."""

    def __init__(self, people):
        from joserfc.jwk import RSAKey

        self.people, self.forged = people, False
        self.key, self.other = (RSAKey.generate_key(2048, {"kid": "one"}) for _ in range(2))
        self.codes = {}
        handler = type("Handler", (_Handler,), {"provider": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def metadata(self):
        places = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "jwks_uri": "keys",
        }
        return {
            "issuer": self.url,
            **{name: f"{self.url}/{place}" for name, place in places.items()},
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def token(self, code):
        """What the app gets for a code, which is good once."""
        from joserfc import jwt

        person, nonce = self.codes.pop(code)
        now = int(time.time())
        told = {"iss": self.url, "sub": person, "aud": CLIENT, "nonce": nonce, "name": person}
        told |= {"iat": now, "exp": now + 600}
        key = self.other if self.forged else self.key
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, told, key)
        return {"access_token": "unused", "token_type": "Bearer", "id_token": signed}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self):
        path, asked = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/.well-known/openid-configuration":
            self._json(self.provider.metadata())
        elif path == "/keys":
            self._json({"keys": [self.provider.key.as_dict(private=False)]})
        elif path == "/authorize":
            self._choose(asked)
        else:
            self.send_error(404)

    def do_POST(self):
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._json(self.provider.token(sent["code"][0]))

    def _choose(self, asked):
        """A page with a link for each person, back to where the app wants them."""
        links = ""
        for person in self.provider.people:
            code = secrets.token_hex(8)
            self.provider.codes[code] = (person, asked["nonce"][0])
            back = f"{asked['redirect_uri'][0]}?code={code}&state={quote(asked['state'][0])}"
            links += f'<p><a href="{back}">{person}</a></p>'
        self._send("text/html", f"<!doctype html><link rel=icon href=data:,>{links}".encode())

    def _json(self, told):
        self._send("application/json", json.dumps(told).encode())

    def _send(self, kind, content):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing."""
