"""The drivers that a board file names, made for one board: what its [wifi] and [power] say, with proof of the effect around it."""

from .command import Switch
from .nftables import NftAir, Nftables
from .packets import PacketAir, Packets
from .power_rts import RtsPower
from .power_uhubctl import Uhubctl
from .proof import PowerProof, WifiProof
from .wifi_ask import AskWifi
from .wifi_device import DeviceRadio
from .wifi_hostapd import Hostapd
from .wifi_nmcli import Nmcli
from .wifi_openwrt import OpenWrt

# By tools on this machine; `missing(settings)` of each says why it cannot be used here, or None.
BY_TOOL = {"hostapd": Hostapd, "nmcli": Nmcli, "openwrt": OpenWrt, "uhubctl": Uhubctl, "command": Switch, "nftables": Nftables, "packets": Packets}


def wifi(settings, name, board, history, say=print):
    """away(), back(), evidence() for board `name` by the [wifi] table of its file."""
    made = {"ask": lambda: AskWifi(history, say), "device": lambda: DeviceRadio(board), "command": lambda: Switch("Wi-Fi", settings)}
    return WifiProof(name, history, made.get(settings.driver, lambda: BY_TOOL[settings.driver](settings))())


def power(settings, name, board, history):
    """off(), on(), evidence() for board `name` by the [power] table of its file; None when it names nobody."""
    if settings.driver == "none":
        return None
    made = {"rts": lambda: RtsPower(board), "command": lambda: Switch("power", settings), "uhubctl": lambda: Uhubctl(settings)}
    return PowerProof(name, history, made[settings.driver](), board)


def network(settings, name, port, address, relay, stack):
    """(the ability `network`, the ability `air`) of board `name` by the [network] table of its file; each None where there is nobody for it.

    port: the broker's, as packets on this machine have it. address(): the board's, or None while it is not known. relay: in front of a broker that this
    machine runs, or None. What was begun ends with `stack`. Raises BenchError when the driver cannot work here.
    """
    if settings.driver == "relay":
        return relay, None
    nft = Nftables(name, port, (lambda: settings.address) if settings.address else address, relay.reset_flows if relay else None)
    stack.callback(nft.close)
    nft.start()
    if settings.driver == "nftables":
        return nft, NftAir(nft)
    link = PacketAir(name, port, nft.address)
    stack.callback(link.close)
    return nft, link.start()


def missing(settings):
    """Why the driver of a [wifi], [power] or [network] table cannot be used on this machine, or None."""
    driver = BY_TOOL.get(settings.driver)
    return driver.missing(settings) if driver else None


def abilities(board):
    """What the rig of a board file will have (rig.ABILITIES and what belongs to its broker)."""
    found = {"wifi", "console"}
    if board.power.driver != "none":
        found.add("power")
    if board.power.driver == "rts":
        found.add("lines")
    if board.broker.driver != "external":
        found |= {"broker", "network"}
    if board.broker.driver == "builtin":
        found.add("hooks")
    if board.network.driver != "relay":
        found |= {"network", "air"}
    return found


def can(board, fault):
    """Whether the drivers of a board file can make a fault of the catalogue, with its arguments as they are or others."""
    thin = board.network.driver == "nftables" and "air" in fault.needs
    return "hil" in fault.how and set(fault.needs) <= abilities(board) and not (thin and Nftables.cannot(fault.name, {}))
