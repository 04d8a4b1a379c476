"""The label graph and the pathology tree: data files and the code that reads them."""
