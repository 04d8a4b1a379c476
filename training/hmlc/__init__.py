"""Training the hierarchical multi-label classifiers of paper 003, and tables that compare them."""
