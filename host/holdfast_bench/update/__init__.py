"""Updates over the air, the host's side: bundles made and signed, served piece by piece, and a fleet taken through one. docs/updates.md has the format."""
