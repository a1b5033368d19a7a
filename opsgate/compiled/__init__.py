"""The fast path: Connexion's operations, compiled once into lean routes in front of its own stack.

    middleware.py   receives Connexion's ``add_api`` calls, compiles, and answers what is compiled
    operation.py    one operation: security, arguments, handler, answer; what is left to Connexion, and why
    table.py        from method and path to the operation, however many there are
    parameters.py   parameters: text to value, checked by a prebuilt validator
    body.py         JSON bodies
    answers.py      what a handler returns, as status, headers and bytes; checked where that is switched on
    schema.py       OpenAPI's schemas as jsonschema-rs understands them
    stock.py        Connexion's own stack, made to answer alike

docs/fast-path.md explains it to people who know Connexion.
"""
