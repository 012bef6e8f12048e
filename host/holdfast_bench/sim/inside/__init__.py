"""What runs inside the simulation's MicroPython process: world, lives of the chip, plan, history. May import: world, chip."""
