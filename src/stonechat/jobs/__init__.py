"""Layer 2: the job manager. Jobs are declared once; the engine runs them, the watchdog watches them."""
