"""Teaching the language model: data, LoRA, evaluation, export."""
