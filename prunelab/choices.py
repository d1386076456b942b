"""What can follow pruning, and how sparsity is spread over layers: names and bounds."""

EQUAL_STEPS = "equal-steps"
RECOVERS = {
    "none": "Stop after pruning.",
    "finetune": "Go on training what is left, at a tenth of the learning rate.",
    "rewind": "Set what is left back to its first values and train again.",
    "reinit": "Draw new first values for what is left and train again.",
    "shuffle": "Control: a random mask with the same count in each layer, trained from the start.",
    "lr-rewind": "Go on training what is left, the learning rate as at the start.",
    "recalibrate": "Measure batch normalisation anew on what is left; train nothing.",
    "recalibrate-finetune": "The same, then go on training as finetune does.",
    "distill": "As finetune, but learn from the dense network's answers too.",
    "scratch-e": "Control: what is left, trained from new first values for as many epochs.",
    EQUAL_STEPS: "Train on the examples that stay, repeated, for as many steps as on all.",
    "scratch-b": "Control: the same, for as many multiply-adds; at most twice the epochs.",
}
SCOPES = {
    "global": "One ranking over all layers.",
    "uniform": "The same share of every layer.",
    "uniform-plus": "Uniform, but a first convolution stays dense and the last layer keeps 20 %.",
    "er": "Erdős-Rényi: larger layers lose more, by their channels.",
    "erk": "Erdős-Rényi-kernel: larger layers lose more, by all their dimensions.",
    "lamp": "Global, each score relative to the larger ones of its layer.",
}
RECALIBRATED = ("recalibrate", "recalibrate-finetune")
AFTER_TRAINING = (*RECALIBRATED, "distill")
BUDGETS = {
    "params": "The sparsity is the share of the parameters that go.",
    "macs": "The sparsity is the share of the multiply-adds that go.",
    "bytes": "The sparsity is the share of the bytes that go.",
    "latency": "The sparsity is the share of the time that goes, as measured here.",
}
LIMITS = {
    "seed": (0, 2**31 - 1),
    "epochs": (1, 1000),
    "recover_epochs": (1, 1000),
    "batch_size": (1, 65536),
    "floor": (0, 10**6),
    "round_to": (1, 1024),
}
