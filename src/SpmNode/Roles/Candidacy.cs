using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Roles;

/// <summary>How long a host leaves a lease that it could take to others. Pure.</summary>
/// <remarks>
/// Two that try at once outvote each other and pause at random; whoever should not win therefore waits. It never waits for ever:
/// a wait ends, whatever happened to the one it was for.
/// </remarks>
static class Candidacy
{
    /// <summary>What the named successor has for reading a message and taking the lease.</summary>
    public static readonly TimeSpan HeadStart = TimeSpan.FromSeconds(1);

    /// <summary>A sick SPM is better than none, but only after everybody else had the chance.</summary>
    public static readonly TimeSpan SickWait = TimeSpan.FromSeconds(10);

    /// <param name="version">Of the lease as it stands there.</param>
    /// <param name="notice">The last one that was heard.</param>
    /// <param name="deference">What a host with a higher preference has for seeing the lease, too.</param>
    /// <param name="highestPreference">Among the others that live and are not in maintenance; 0 when there are none.</param>
    /// <returns>Null: not at all.</returns>
    public static TimeSpan? Wait(int self, ulong version, HandOverNotice? notice, HostWishes wishes, TimeSpan deference, int highestPreference, bool sick) =>
        wishes.Maintenance ? null
        : notice is { Successor: var named } && notice.Epoch == version && named == self ? TimeSpan.Zero
        : sick ? SickWait
        : notice is { Stage: not HandOverStage.Taken } && notice.Epoch == version ? HeadStart
        : wishes.Preference < highestPreference ? deference
        : TimeSpan.Zero;
}
