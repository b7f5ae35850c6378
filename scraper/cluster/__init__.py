"""The Kubernetes API: credentials, list and watch of nodes, pods and namespaces, and snapshots of them.

- credentials: where the API server is and which credentials are used
- login: credentials kept up to date
- client: list and watch requests for one resource
- wire_types: the fields that are decoded from responses
- objects: the parts of API objects that are kept
- watch: a cache of one resource, updated by list and watch
- cluster_watch: the watches of all resources
- pod_index: pods by name and node
- snapshot: the cluster at one moment
"""
