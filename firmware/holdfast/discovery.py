# discovery.py - the list of brokers comes from the network (R27): a retained message on cmd/brokers, tried and taken back like any configuration.
# Loaded when one comes; only with the setting `broker_list`.
# May import: json, binascii, trial; the node is handed in.   Time: none.   Blocks: writing small files, some 50 ms each.
from binascii import crc32
from json import load as parse, loads

_INHERITED = ("user", "password", "tls", "protocol", "transport", "port", "path")


# payload: a JSON list, each entry as in `brokers`; what an entry does not say is as in the first one of the list in force. Every list
# is tried once: one that does not work comes again with each connection. Returns whether a reset is due. Raises ValueError.
def take(node, payload):
    source = node.config.get("source")
    if not payload or not source or node.config.get("trial"):
        return False
    wanted = loads(payload)
    if not isinstance(wanted, list) or not wanted or [entry for entry in wanted if not isinstance(entry, dict)]:
        raise ValueError("a list of brokers is needed")
    with open(source) as f:
        now = parse(f)["brokers"]
    for entry in wanted:
        for name in _INHERITED:
            if name not in entry and name in now[0]:
                entry[name] = now[0][name]
    mark = "%08x" % crc32(payload)
    if wanted == now or _tried(source) == mark:
        return False
    from .trial import propose

    propose(node, {"id": "brokers", "set": {"brokers": wanted}})
    with open(source + ".list", "w") as f:
        f.write(mark)
    return True


def _tried(source):
    try:
        with open(source + ".list") as f:
            return f.read()
    except OSError:
        return None
