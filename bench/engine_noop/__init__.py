"""A job that does nothing, beside the Ray calls it is made of.

The raw actors keep nothing: no queue, no lease, no disk. Each job of the product is on disk when it is accepted and again
when its result is published.
"""

from bench.comparison import Comparison, Subject

COMPARISON = Comparison(
    name="engine_noop",
    baseline="ray actors",
    subjects={
        "ray actors": Subject("bench.engine_noop.ray_actors", {"pooled": False}),
        "ray ActorPool": Subject("bench.engine_noop.ray_actors", {"pooled": True}),
        "prismlane actors": Subject("bench.engine_noop.prismlane_actors", is_product=True),
        "prismlane http": Subject("bench.engine_noop.prismlane_http", {"front": "serve"}, is_product=True),
        "prismlane http, haproxy": Subject(
            "bench.engine_noop.prismlane_http", {"front": "haproxy"}, is_product=True
        ),
    },
)
