"""What only `stonechat demo` needs: the local network's process, the live view, the audit of the ledger."""
