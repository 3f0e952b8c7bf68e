namespace OvirtSpm.Monitor.Guests;

/// <summary>What becomes of a guest that QEMU stopped because its storage failed: oVirt's resume behavior of a VM.</summary>
public enum ResumeBehavior
{
    /// <summary>It goes on when the storage is back.</summary>
    AutoResume,

    /// <summary>It stands until a person continues it.</summary>
    LeavePaused,

    /// <summary>It goes on when the storage is back soon; after a limit it is ended, since it may have been started elsewhere.</summary>
    Kill,
}

/// <param name="KillAfter">For <see cref="ResumeBehavior.Kill"/>: the longest it may have stood and still go on.</param>
public sealed record PausePolicy(ResumeBehavior Behavior, TimeSpan KillAfter)
{
    /// <summary>As oVirt's for a VM without a lease. The limit is oVirt's, and eight of sanlock's usual io timeouts.</summary>
    public static readonly PausePolicy Default = new(ResumeBehavior.AutoResume, TimeSpan.FromSeconds(80));
}
