"""What only `stonechat demo` and `stonechat drill` need: the local network, faults, the audit."""
