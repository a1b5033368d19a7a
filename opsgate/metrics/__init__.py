"""What this service counts about itself, of all its workers, in Prometheus' format at ``/metrics``.

`meter` counts in each worker, `sharing` lets every worker see what the others counted, `exposing` writes it down.
"""
