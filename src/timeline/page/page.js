const detail = document.querySelector('.detail');
for (const kind of ['pointerover', 'click']) {
    document.querySelector('.chart').addEventListener(kind, event => {
        const found = event.target.closest('[title]');
        if (found) detail.textContent = found.title;
    });
}
