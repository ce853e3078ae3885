"""From other people's rerankers to `RerankTarget`; the only place of this package that may import torch."""
