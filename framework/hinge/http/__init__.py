"""HTTP's grammar and vocabulary: text and bytes in, plain values out."""
