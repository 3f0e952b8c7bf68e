namespace OvirtSpm.Leases;

/// <summary>Counts writes that were issued and have not returned, over all areas a host id writes.</summary>
internal sealed class OutstandingWrites
{
    private readonly Lock gate = new();
    private int count;
    private TaskCompletionSource? noneLeft;

    public bool Any => Volatile.Read(ref count) > 0;

    /// <summary>Completes when none is out.</summary>
    public Task WhenNone()
    {
        lock (gate)
        {
            return count == 0 ? Task.CompletedTask : (noneLeft ??= new TaskCompletionSource()).Task;
        }
    }

    public void Issued()
    {
        lock (gate)
        {
            count++;
        }
    }

    public void Returned()
    {
        TaskCompletionSource? waiting = null;
        lock (gate)
        {
            if (--count == 0)
            {
                (waiting, noneLeft) = (noneLeft, null);
            }
        }

        waiting?.SetResult();
    }
}
