"""The plugin's verbs: ADD, DEL, CHECK, GC, STATUS; the effects behind them, its log and records."""
