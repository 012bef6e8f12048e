"""JUnit XML of a set of runs, as CI systems read it: bad is a failure, unknown an error, what could not run here is skipped."""

import xml.etree.ElementTree as ET


def junit(results):
    """The XML text. Each run is a test case, named by scenario and board."""
    suite = ET.Element("testsuite", name="holdfast", tests=str(len(results)),
                       failures=str(sum(r.verdict == "bad" for r in results)), errors=str(sum(r.verdict == "unknown" and not r.skipped for r in results)),
                       skipped=str(sum(bool(r.skipped) for r in results)))
    for result in results:
        seconds = max((e["t"] for e in result.events), default=0) / 1000
        case = ET.SubElement(suite, "testcase", classname="holdfast.%s" % result.board, name=result.scenario, time="%.3f" % seconds)
        if result.skipped:
            ET.SubElement(case, "skipped", message=_printable(result.skipped))
        elif result.verdict != "good":
            said = ["%s: %s%s" % (f.law, f.text, " [at %.1f s: %s]" % (f.t / 1000, f.going_on) if f.going_on else "") for f in result.findings]
            node = ET.SubElement(case, "failure" if result.verdict == "bad" else "error", message=_printable(said[0] if said else result.verdict))
            node.text = _printable("\n".join(said))
        ET.SubElement(case, "system-out").text = "seed %d" % result.seed
    return ET.tostring(ET.ElementTree(suite).getroot(), encoding="unicode", xml_declaration=True) + "\n"


def _printable(text):
    """XML 1.0 has no control characters, whatever a board printed."""
    return "".join(c for c in text if c in "\t\n" or c >= " ")
