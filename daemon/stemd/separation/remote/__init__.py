"""Networks that run on other machines: servers of KServe's second protocol, as Triton is one."""
