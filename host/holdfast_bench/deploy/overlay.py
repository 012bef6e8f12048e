"""The checkout's firmware with somebody's own application on it: what a node in the field consists of."""

import shutil
from pathlib import Path

from .. import checkout
from ..errors import BenchError


def with_application(app, folder, firmware=None):
    """A firmware folder in `folder`: the checkout's (or `firmware`), with `app` as main.py (a file), or with every module of it (a folder that has a
    main.py). Raises BenchError when there is no such application.
    """
    app, folder, firmware = Path(app), Path(folder), Path(firmware or checkout.FIRMWARE).resolve()
    if app.is_dir():
        modules = sorted(p for p in app.glob("*.py") if p.name != "boot.py")
    else:
        modules = [app]
    if not modules or not all(p.is_file() for p in modules) or app.is_dir() and app / "main.py" not in modules:
        raise BenchError("%s is no application: give a Python file, or a folder with a main.py" % app)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("boot.py", "config.example.json"):
        shutil.copyfile(firmware / name, folder / name)
    (folder / "holdfast").symlink_to(firmware / "holdfast")
    for path in modules:
        shutil.copyfile(path, folder / (path.name if app.is_dir() else "main.py"))
    return folder
