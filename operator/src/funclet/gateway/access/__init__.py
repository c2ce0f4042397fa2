"""Who may call which function, and in which namespace a name is looked for."""
