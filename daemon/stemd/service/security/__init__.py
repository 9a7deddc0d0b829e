"""Who may come in, what each may do, and how much of it: keys, rights and limits."""
