"""Known lesions, and finding the ones like a new one: embeddings, labels, sentences, thumbnails."""
