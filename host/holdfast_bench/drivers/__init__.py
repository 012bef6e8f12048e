"""What a board file can name for Wi-Fi, power, network and broker: one driver a file."""
