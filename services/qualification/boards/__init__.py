"""Day lists, the funnel and its times: read only, over what the other packages keep."""
