namespace OvirtSpm.Lab.Hosts;

/// <summary>Two hosts that one failure test after the other finds whole: booting them and starting their nodes takes longer than most failures.</summary>
public sealed class SharedPool : IAsyncDisposable
{
    private LabPool? _pool;

    /// <param name="test">Gets a pool in which one node leads and the other follows.</param>
    internal Task UseAsync(Func<LabPool, Task> test) => LabRounds.InARowAsync(() => UseOnceAsync(test));

    public ValueTask DisposeAsync() => _pool?.DisposeAsync() ?? default;

    private async Task UseOnceAsync(Func<LabPool, Task> test)
    {
        var pool = _pool ?? await LabPool.CreateAsync(2);
        // Nobody knows how a test that failed left its hosts: the next one gets others.
        _pool = null;
        try
        {
            await pool.MendAsync();
            await test(pool);
            _pool = pool;
        }
        finally
        {
            if (_pool is null)
            {
                await pool.DisposeAsync();
            }
        }
    }
}

[CollectionDefinition(nameof(SharedPool))]
public sealed class SharedPoolGroup : ICollectionFixture<SharedPool>;
