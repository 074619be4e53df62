# SPDX-License-Identifier: GPL-2.0-or-later
"""An archive at two mirrors of one server, with faults to order."""

import http.server
import re
import socket
import struct
import threading
import time
import urllib.parse

FOR_EVER = 1 << 30


class Fault:
    """What becomes of the requests whose path matches, a number of times."""

    def __init__(self, kind, path, times=1):
        self.kind, self.path, self.left = kind, re.compile(path), times
        self.served = 0


class Handler(http.server.BaseHTTPRequestHandler):
    """/a/ and /b/ are the same archive."""

    protocol_version = 'HTTP/1.1'

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            pass

    def _send(self, data, length=None):
        self.send_response(200)
        self.send_header('Content-Length', str(length or len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def do_GET(self):  # pylint: disable=invalid-name
        server = self.server
        data = server.archive.paths.get(
            urllib.parse.unquote(self.path[3:]))
        with server.guard:
            server.asked.append(self.path)
            fault = next((f for f in server.faults
                          if f.left and f.path.search(self.path)), None)
            if fault:
                fault.left -= 1
                fault.served += 1
        if data is None or fault and fault.kind == '404':
            self.send_error(404)
        elif not fault:
            if server.slow:
                self._slowly(data)
            else:
                self._send(data)
        else:
            getattr(self, fault.kind)(data)

    def _slowly(self, data):
        """So that a kill at random meets each step."""
        self._send(b'', len(data))
        for i in range(0, len(data), 1 << 15):
            self.wfile.write(data[i:i + (1 << 15)])
            time.sleep(self.server.slow)

    def stale(self, _):
        self._send(self.server.archive.stale)

    def truncated(self, data):
        self._send(data[:len(data) // 2])

    def wrong(self, data):
        self._send(data[:-1] + bytes([data[-1] ^ 1]))

    def stall(self, data):
        self._send(data[:len(data) // 2], len(data))
        self._until_gone(b'')

    def trickle(self, data):
        """Bytes come, but it would take for ever."""
        self._send(b'', len(data))
        self._until_gone(data[:1])

    def _until_gone(self, data):
        self.connection.settimeout(0.2)
        while not self.server.ending.is_set():
            self.wfile.write(data)
            try:
                if not self.connection.recv(1):
                    break
            except TimeoutError:
                pass
        self.close_connection = True

    def reset(self, data):
        self._send(data[:len(data) // 2], len(data))
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   struct.pack('ii', 1, 0))
        self.connection.close()
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    """Answers until close()."""

    daemon_threads = True

    def __init__(self, archive):
        super().__init__(('127.0.0.1', 0), Handler)
        self.archive = archive
        self.guard = threading.Lock()
        self.ending = threading.Event()
        self.slow = 0
        self.begin()
        threading.Thread(target=self.serve_forever, args=(0.05,),
                         daemon=True).start()

    def begin(self, *faults):
        """Faults of the next case; and nothing asked yet."""
        self.faults, self.asked = list(faults), []

    def handle_error(self, request, client_address):
        pass

    def site(self, name):
        return f'http://127.0.0.1:{self.server_address[1]}/{name}'

    def close(self):
        self.ending.set()
        self.shutdown()
        self.server_close()
