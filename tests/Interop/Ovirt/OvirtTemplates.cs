using OvirtSpm.Interop.Cli;

namespace OvirtSpm.Interop.Ovirt;

/// <summary>One domain of each version for all tests of a class: making one costs thirty lvm commands, a copy of its few megabytes nothing.</summary>
public sealed class OvirtTemplates : IDisposable
{
    readonly SemaphoreSlim making = new(1);
    readonly Dictionary<int, OvirtDomain> made = [];

    /// <summary>A domain of the test's own. Its host ids have T = 1 s, so that joining takes two seconds.</summary>
    internal async Task<OvirtDomain> CopyAsync(int version = 5)
    {
        await making.WaitAsync();
        try
        {
            if (!made.TryGetValue(version, out var domain))
            {
                made[version] = domain = await OvirtDomain.MakeAsync(version);
            }
            return domain.Copy();
        }
        finally
        {
            making.Release();
        }
    }

    public void Dispose()
    {
        foreach (var domain in made.Values)
        {
            domain.Dispose();
        }
        making.Dispose();
    }
}
