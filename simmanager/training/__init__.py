"""What models share: state, parameters, recording, training loops."""
