"""One module a measurement; its docstring says in one sentence what is measured and how."""
