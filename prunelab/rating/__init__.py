"""What scores of examples share: trainings that are watched, features, margins, gradients."""
