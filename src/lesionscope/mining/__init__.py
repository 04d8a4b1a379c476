"""Report sentences to labels: tokens, mentions, relations to bookmarks; files in and out."""
