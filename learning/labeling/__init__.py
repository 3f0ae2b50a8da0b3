"""Label the rest at the accuracy that the user specified: a run of its own, whose trial asks the checks.

`settings` reads what is asked for, `actions` is what people do, `worker` is what the worker does, `facts` what pages and REST
show.
"""
