"""Arrival curves as a picture (SVG) that a browser shows: recovered nodes over time, one line a policy, beside the ideal. Pure."""

WIDTH, HEIGHT, LEFT, TOP = 860, 420, 70, 40
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")


def as_svg(recoveries):
    """The picture of several Recovery of fleets of one size."""
    fleet = recoveries[0].fleet
    ideal_s = fleet.ideal_ms / 1000
    end_s = max([ideal_s * 1.5] + [r.curve[-1][0] / 1000 for r in recoveries if r.curve])
    end_s = min(end_s, max(ideal_s * 6, 60)) * 1.02

    def at(s, n):
        return "%.1f,%.1f" % (LEFT + s / end_s * WIDTH, TOP + HEIGHT * (1 - n / fleet.nodes))

    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">' % (WIDTH + LEFT + 200, HEIGHT + TOP + 60),
             '<rect width="100%" height="100%" fill="white"/>',
             '<text x="%d" y="24" font-size="16">%d nodes come back to a broker that does %d %s a second</text>' % (
                 LEFT, fleet.nodes, fleet.rate, "handshakes and SYNs" if fleet.tls else "connections"),
             '<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#888"/>' % (LEFT, TOP, WIDTH, HEIGHT)]
    for i in range(6):
        x, y = LEFT + WIDTH * i / 5, TOP + HEIGHT * (1 - i / 5)
        parts.append('<text x="%.0f" y="%d" text-anchor="middle">%.0f s</text>' % (x, TOP + HEIGHT + 20, end_s * i / 5))
        parts.append('<text x="%d" y="%.0f" text-anchor="end">%d</text>' % (LEFT - 6, y + 4, fleet.nodes * i / 5))
        parts.append('<path d="M%d,%.0f h%d" stroke="#ddd"/>' % (LEFT, y, WIDTH))
    parts.append('<path d="M%s L%s" stroke="#888" stroke-dasharray="5 4" fill="none"/>' % (at(0, 0), at(min(ideal_s, end_s), fleet.nodes * min(1, end_s / ideal_s))))
    legend = [("#888", "ideal: N / R = %.0f s" % ideal_s)]
    for i, r in enumerate(recoveries):
        colour = COLOURS[i % len(COLOURS)]
        points = [at(0, 0)] + [at(ms / 1000, n) for ms, n in r.curve if ms / 1000 <= end_s]
        parts.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (" ".join(points), colour))
        legend.append((colour, "%s, %s: %s" % (r.fleet.policy, r.fleet.jitter, "not all" if r.all_ms is None else "%.0f s" % (r.all_ms / 1000))))
    for i, (colour, text) in enumerate(legend):
        y = TOP + 16 + 20 * i
        parts.append('<path d="M%d,%d h20" stroke="%s" stroke-width="3"/><text x="%d" y="%d">%s</text>' % (LEFT + WIDTH + 10, y - 4, colour, LEFT + WIDTH + 36, y, text))
    parts.append('<text x="%d" y="%d" text-anchor="middle">time since the broker is back</text></svg>' % (LEFT + WIDTH // 2, TOP + HEIGHT + 44))
    return "\n".join(parts) + "\n"
