"""What the shell offers for names on the command line (`holdfast --install-completion`). Lists files; loads nothing heavy, never fails."""

from .. import checkout


def _stems(folder, incomplete):
    return sorted(p.stem for p in folder.glob("*.toml") if p.stem.startswith(incomplete))


def scenarios(incomplete: str):
    """Names of the library, and files with that beginning."""
    from pathlib import Path

    files = [str(p) for p in Path().glob(incomplete + "*") if p.suffix == ".toml" or p.is_dir()] if incomplete else []
    return _stems(checkout.SCENARIOS, incomplete) + sorted(files)


def places(incomplete: str):
    return [p for p in ("sim", "twin") if p.startswith(incomplete)] + _stems(checkout.ROOT / "boards", incomplete)


def boards(incomplete: str):
    return _stems(checkout.ROOT / "boards", incomplete)


def drills(incomplete: str):
    return _stems(checkout.SCENARIOS.parent / "drills", incomplete)


def faults(incomplete: str):
    from ..faults import catalogue

    return sorted(name for name in catalogue() if name.startswith(incomplete))
