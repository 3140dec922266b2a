"""`dispatch-sb profile`: how large and how fast models are.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.commands.command import described


def _profile(model, size, seconds, runs, trust_remote_code) -> str:
    from dispatch_sb.models import costs
    from dispatch_sb.models.families import FAMILIES

    if model and size:
        raise ValueError("Give a model or --size, not both.")
    if model:
        from dispatch_sb.pretrained import load

        models = {model: load(model, trust_remote_code=trust_remote_code)}
        if not hasattr(models[model], "latency"):
            raise ValueError(
                f"{model} does not state its latency: only models of "
                "dispatch-sb have a profile."
            )
    else:
        models = {
            f"{name}-{one}": build(one)
            for name, build, sizes in FAMILIES.values()
            for one in sizes
            if size in (None, one)
        }
    profiles = [
        costs.profile_model(network, name, seconds, runs)
        for name, network in models.items()
    ]
    return costs.format_profiles(profiles)


COMMAND = described("profile", _profile)
