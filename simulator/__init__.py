"""A simulated cluster: the Kubernetes API and the kubelets' statistics, for the demo and the tests."""
