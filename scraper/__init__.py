"""The scraper: kubelets and the Kubernetes API into `kubelet-stats`, keyed by node."""
