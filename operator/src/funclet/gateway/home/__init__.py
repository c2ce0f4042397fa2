"""Each function has one home among the gateways; the others relay its calls there."""
