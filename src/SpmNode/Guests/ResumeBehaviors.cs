using System.Collections.Immutable;
using OvirtSpm.Monitor.Guests;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Guests;

/// <summary>What becomes of a guest after a storage error, in oVirt's words.</summary>
static class ResumeBehaviors
{
    public static readonly ImmutableArray<string> Names = ["auto_resume", "leave_paused", "kill"];

    public static string Name(ResumeBehavior behavior) => Names[(int)behavior];

    /// <summary>What to ask for to have a guest watched so.</summary>
    public static WatchGuestRequest Request(string qmp, string name, PausePolicy policy) =>
        new(qmp, name, Name(policy.Behavior), policy.Behavior is ResumeBehavior.Kill ? policy.KillAfter.TotalSeconds : null);

    /// <param name="before">Of a guest that is watched already: what is not said stays.</param>
    /// <exception cref="Refusal">It is none.</exception>
    public static PausePolicy Policy(WatchGuestRequest request, PausePolicy? before)
    {
        var policy = before ?? PausePolicy.Default;
        if (request.ResumeBehavior is { } name)
        {
            policy = Names.IndexOf(name) is >= 0 and var behavior
                ? policy with { Behavior = (ResumeBehavior)behavior }
                : throw Refusal.Invalid($"'{name}' is no resume behavior: give one of {string.Join(", ", Names)}.");
        }
        if (request.KillAfterSeconds is not { } seconds)
        {
            return policy;
        }
        if (policy.Behavior is not ResumeBehavior.Kill)
        {
            throw Refusal.Invalid("a time to kill after is for the resume behavior 'kill' only.");
        }
        // Whoever looks every two seconds cannot keep less; a day is a mistake in the unit.
        return seconds is >= 10 and <= 86_400
            ? policy with { KillAfter = TimeSpan.FromSeconds(seconds) }
            : throw Refusal.Invalid($"a guest is killed after 10 to 86400 seconds, not {seconds}.");
    }
}
