"""A PostgreSQL server of the tests' own: fresh, on a socket in a folder of its own, gone afterwards. It refuses to run as root, so root lends it `nobody`."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path


def find():
    """Folder of initdb and postgres, or None."""
    found = shutil.which("initdb")
    places = [os.path.dirname(found)] if found else []
    places += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True) + glob.glob("/opt/homebrew/opt/postgresql*/bin")
    return next((p for p in places if os.access(p + "/initdb", os.X_OK) and os.access(p + "/postgres", os.X_OK)), None)


class Server:
    def __init__(self):
        self._bin = find()
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-pg-"))
        self._as = None
        if os.geteuid() == 0:
            self._as = pwd.getpwnam("nobody")
            os.chown(self._folder, self._as.pw_uid, self._as.pw_gid)
        self._process = None
        self._run("initdb", "-D", str(self._folder / "data"), "-U", "holdfast", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        self.start()

    def _user(self):
        return {"user": self._as.pw_uid, "group": self._as.pw_gid, "extra_groups": []} if self._as else {}

    def _run(self, program, *arguments):
        done = subprocess.run([self._bin + "/" + program, *arguments], capture_output=True, text=True, timeout=60, cwd=self._folder, **self._user())
        assert done.returncode == 0, done.stderr

    def start(self):
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen([self._bin + "/postgres", "-D", str(self._folder / "data"), "-k", str(self._folder), "-c", "listen_addresses="],
                                             stdout=log, stderr=log, cwd=self._folder, **self._user())
        deadline = time.monotonic() + 30
        import psycopg
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline and self._process.poll() is None, (self._folder / "log").read_text()
                time.sleep(0.1)

    def stop(self):
        """Immediately, as after a crash."""
        self._process.send_signal(3)    # SIGQUIT
        self._process.wait(20)

    def url(self, database="holdfast"):
        return "postgresql://holdfast@/%s?host=%s" % (database, self._folder)

    def new_database(self, name):
        import psycopg
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute("drop database if exists %s with (force)" % name)
            db.execute("create database %s" % name)
        return self.url(name)

    def close(self):
        if self._process.poll() is None:
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
