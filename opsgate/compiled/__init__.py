"""The fast path: Connexion's operations, compiled once into lean routes in front of its own stack.

    middleware.py   receives Connexion's ``add_api`` calls, compiles, and answers what is compiled
    compiler.py     from Connexion's operation object to ours; what is left to Connexion, and why
    operation.py    what happens in a request: security, arguments, handler, answer
    table.py        from method and path to the operation, however many there are
    templates.py    which path templates fit a path
    arguments.py    all parameters of an operation
    parameters.py   one parameter: text to value, checked by a prebuilt validator
    body.py         JSON bodies
    answers.py      what a handler returns, as status, headers and bytes
    checking.py     answers against the spec, where that is switched on
    schema.py       OpenAPI's schemas as jsonschema-rs understands them
    fallthrough.py  how a request is left to Connexion
    stock.py        Connexion's own stack, made to answer alike

docs/fast-path.md explains it to people who know Connexion.
"""
