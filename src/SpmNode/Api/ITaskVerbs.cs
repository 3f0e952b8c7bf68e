namespace OvirtSpm.Node.Api;

/// <summary>Long work of the SPM: begun, looked at, cancelled.</summary>
/// <exception cref="Refusal">What failed, why, and what to do.</exception>
interface ITaskVerbs
{
    TaskReply Begin(CreateVolumeRequest request);

    TaskReply Begin(string reference, VolumeChange change);

    /// <summary>A deletion that empties the volume first.</summary>
    /// <param name="request">Its id; null for none.</param>
    TaskReply BeginDeletion(string reference, string? request, bool wipe, bool discard);

    /// <summary>A volume of another domain comes here.</summary>
    TaskReply Begin(ArrivalRequest request);

    /// <summary>For whoever waits for the work itself.</summary>
    Task<VolumeReply> EndOfAsync(TaskReply begun);

    /// <summary>What runs, and what ended last.</summary>
    IReadOnlyList<TaskReply> List();

    /// <summary>One of this SPM's, or what the journal says became of a former SPM's.</summary>
    /// <param name="wait">Answer at the latest after this time, earlier when it has ended.</param>
    Task<TaskReply> GetAsync(string task, TimeSpan wait);

    /// <summary>Asks one to end without a result. One that has ended stays as it is.</summary>
    TaskReply Cancel(string task);
}
